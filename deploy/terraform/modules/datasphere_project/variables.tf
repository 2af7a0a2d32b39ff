variable "name" {
  type        = string
  description = "Name of the project"
}

variable "description" {
  type        = string
  description = "What the project is for"
  default     = "Forecasts of a record shop"
}

variable "community_id" {
  type        = string
  description = "Community to which the project belongs"
}

variable "max_units_per_hour" {
  type        = number
  description = "Most units per hour; a unit is one core for one second"
  default     = 20
  validation {
    condition     = var.max_units_per_hour > 0
    error_message = "A limit is greater than 0."
  }
}

variable "max_units_per_execution" {
  type        = number
  description = "Most units of one execution"
  default     = 200
  validation {
    condition     = var.max_units_per_execution > 0
    error_message = "A limit is greater than 0."
  }
}

variable "labels" {
  type        = map(string)
  description = "Labels of the project"
  default     = {}
}

variable "service_account_id" {
  type        = string
  description = "Account that the project's jobs act as; empty for none"
  default     = ""
}

variable "developers" {
  type        = list(string)
  description = "Who may send jobs: serviceAccount:ID, userAccount:ID"
  default     = []
}

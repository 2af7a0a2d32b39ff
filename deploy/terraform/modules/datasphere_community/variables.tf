variable "name" {
  type        = string
  description = "Name of the community"
}

variable "organization_id" {
  type        = string
  description = "Organization to which the community belongs"
}

variable "billing_account_id" {
  type        = string
  description = "Billing account that pays; empty to link one later, in the console"
  default     = ""
}

variable "labels" {
  type        = map(string)
  description = "Labels of the community"
  default     = {}
}

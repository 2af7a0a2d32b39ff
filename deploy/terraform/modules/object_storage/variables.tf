variable "bucket" {
  type        = string
  description = "Name of the bucket, unique in the whole cloud"
  validation {
    condition     = can(regex("^[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 small letters, digits, hyphens and dots."
  }
}

variable "folder_id" {
  type        = string
  description = "Folder in which the bucket is made"
}

variable "access_key" {
  type        = string
  description = "Id of a static key that may make buckets"
  sensitive   = true
}

variable "secret_key" {
  type        = string
  description = "That static key"
  sensitive   = true
}

variable "max_size" {
  type        = number
  description = "Most bytes that the bucket holds; 0 for no limit"
  default     = 107374182400
}

variable "temporary_days" {
  type        = number
  description = "Days after which inputs and other temporary objects are removed"
  default     = 3
}

variable "result_days" {
  type        = number
  description = "Days after which results are removed"
  default     = 90
}

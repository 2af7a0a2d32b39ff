variable "name" {
  type        = string
  description = "Name of the service account"
  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{1,61}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 63 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "description" {
  type        = string
  description = "What the account is for"
  default     = "plastinka"
}

variable "folder_id" {
  type        = string
  description = "Folder in which the account is made"
}

variable "cloud_id" {
  type        = string
  description = "Cloud in which cloud_roles hold; needed where there are any"
  default     = ""
}

variable "create_static_key" {
  type        = bool
  description = "Whether to make a static key, for Object Storage"
  default     = false
}

variable "folder_roles" {
  type        = list(string)
  description = "Roles in the folder"
  default     = []
}

variable "cloud_roles" {
  type        = list(string)
  description = "Roles in the cloud"
  default     = []
}

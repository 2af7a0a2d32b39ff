variable "name" {
  type        = string
  description = "Beginning of the functions' names"
  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{1,50}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 52 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "folder_id" {
  type        = string
  description = "Folder in which the functions are made"
}

variable "package_bucket" {
  type        = string
  description = "Bucket that holds the package"
  validation {
    condition     = var.package_bucket != ""
    error_message = "Name the bucket that holds the package."
  }
}

variable "package_object" {
  type        = string
  description = "Name of the package there: what plastinka function-package wrote"
  default     = "packages/function.zip"
}

variable "package_sha256" {
  type        = string
  description = "SHA-256 of the package: another one makes a new version of the functions"
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "64 hexadecimal digits: sha256sum function.zip prints them."
  }
}

variable "runtime" {
  type        = string
  description = "Python of the functions: the one that plastinka function-package names"
  default     = "python311"
}

variable "forecast_memory" {
  type        = number
  description = "Megabytes of memory of the function that forecasts"
  default     = 2048
}

variable "train_memory" {
  type        = number
  description = "Megabytes of memory of the function that trains"
  default     = 4096
}

variable "minutes" {
  type        = number
  description = "Minutes after which the service ends a call: the cost cap of a run"
  default     = 10
  validation {
    condition     = var.minutes >= 2 && var.minutes <= 60
    error_message = "A function is given 2 to 60 minutes."
  }
}

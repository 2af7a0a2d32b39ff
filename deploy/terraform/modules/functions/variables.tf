variable "name" {
  type        = string
  description = "Beginning of the functions' names"
  default     = "plastinka"
}

variable "folder_id" {
  type        = string
  description = "Folder in which the functions are made"
}

variable "modes" {
  type = map(object({
    memory  = number
    seconds = number
  }))
  description = "Functions, with megabytes of memory and the most seconds of one call"
  default = {
    train    = { memory = 4096, seconds = 3600 }
    forecast = { memory = 2048, seconds = 600 }
  }
  validation {
    condition     = alltrue([for each in var.modes : each.memory >= 128 && each.memory <= 8192])
    error_message = "A function has 128 to 8192 megabytes."
  }
}

variable "service_account_id" {
  type        = string
  description = "Account that the functions act as: it reads and writes the bucket, no more"
}

variable "invoker_id" {
  type        = string
  description = "Account that may call the functions"
}

variable "bucket" {
  type        = string
  description = "Bucket of the package, the inputs and the results"
}

variable "package_object" {
  type        = string
  description = "Name of the package in the bucket"
}

variable "package_sha256" {
  type        = string
  description = "SHA-256 of the package"
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "A SHA-256 has 64 hexadecimal digits."
  }
}

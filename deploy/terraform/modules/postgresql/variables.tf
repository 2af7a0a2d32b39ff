variable "name" {
  type        = string
  description = "Name of the cluster"
  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{1,50}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 52 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "folder_id" {
  type        = string
  description = "Folder in which the cluster is made"
}

variable "network_id" {
  type        = string
  description = "Network of the cluster"
}

variable "subnet_id" {
  type        = string
  description = "Subnet of its host, in the zone below"
}

variable "zone" {
  type        = string
  description = "Zone of its host"
  default     = "ru-central1-a"
}

variable "security_group_ids" {
  type        = list(string)
  description = "Groups that say who may reach port 6432; empty for the network's own rule"
  default     = []
}

variable "public" {
  type        = bool
  description = "Whether the host can be reached from outside its network"
  default     = false
}

variable "preset" {
  type        = string
  description = "Cores and memory of the host"
  default     = "s2.micro"
}

variable "disk_size" {
  type        = number
  description = "Gigabytes of its disk"
  default     = 16
  validation {
    condition     = var.disk_size >= 10
    error_message = "A disk has 10 gigabytes or more."
  }
}

variable "backup_days" {
  type        = number
  description = "Days for which daily backups are kept"
  default     = 7
  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 60
    error_message = "Backups are kept for 7 to 60 days."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Whether terraform destroy leaves the cluster alone"
  default     = true
}

variable "user" {
  type        = string
  description = "Owner of the database"
  default     = "plastinka"
}

variable "user_secret" {
  type        = string
  description = "The owner's password"
  sensitive   = true
  validation {
    condition     = length(var.user_secret) >= 8
    error_message = "A password has 8 letters or more: export TF_VAR_database_secret=…"
  }
}

variable "database" {
  type        = string
  description = "Name of the database"
  default     = "plastinka"
}

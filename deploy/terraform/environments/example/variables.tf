variable "yc_token" {
  type        = string
  description = "IAM token: export TF_VAR_yc_token=$(yc iam create-token)"
  sensitive   = true
}

variable "name" {
  type        = string
  description = "Beginning of all names"
  default     = "plastinka"
}

variable "cloud_id" {
  type        = string
  description = "Cloud"
}

variable "folder_id" {
  type        = string
  description = "Folder"
}

variable "organization_id" {
  type        = string
  description = "Organization of the community"
}

variable "billing_account_id" {
  type        = string
  description = "Billing account that pays; empty to link one later"
  default     = ""
}

variable "existing_service_account_id" {
  type        = string
  description = "A service account that exists; empty to make one"
  default     = ""
}

variable "existing_static_key_id" {
  type        = string
  description = "A static key that exists; empty to make one"
  default     = ""
}

variable "existing_access_key" {
  type        = string
  description = "Id of the static key of an account that exists; needed for a bucket"
  default     = ""
  sensitive   = true
}

variable "existing_secret_key" {
  type        = string
  description = "That static key"
  default     = ""
  sensitive   = true
}

variable "existing_community_id" {
  type        = string
  description = "A community that exists; empty to make one"
  default     = ""
}

variable "existing_project_id" {
  type        = string
  description = "A project that exists; empty to make one"
  default     = ""
}

variable "max_units_per_hour" {
  type        = number
  description = "Most units per hour: the cost cap"
  default     = 20
}

variable "max_units_per_execution" {
  type        = number
  description = "Most units of one execution: the cost cap of a run"
  default     = 200
}

variable "bucket" {
  type        = string
  description = "Bucket to make; empty for none"
  default     = ""
}

variable "function_package_sha256" {
  type        = string
  description = "SHA-256 of the package for functions, which lies in the bucket; empty for no functions"
  default     = ""
}

variable "function_minutes" {
  type        = number
  description = "Minutes after which a function is ended"
  default     = 10
}

variable "database_network_id" {
  type        = string
  description = "Network for a managed PostgreSQL 15 as the store; empty for none"
  default     = ""
}

variable "database_subnet_id" {
  type        = string
  description = "Subnet of that network, in the zone below; needed for a database"
  default     = ""
}

variable "database_zone" {
  type        = string
  description = "Zone of the database's host"
  default     = "ru-central1-a"
}

variable "database_secret" {
  type        = string
  description = "Password of the store's owner: export TF_VAR_database_secret=…; needed for a database"
  default     = ""
  sensitive   = true
}

variable "database_protected" {
  type        = bool
  description = "Whether terraform destroy leaves the database alone"
  default     = true
}

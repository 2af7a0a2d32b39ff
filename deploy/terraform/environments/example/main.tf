# What exists already is named in existing_…_id, and is not made again.

module "service_account" {
  count             = var.existing_service_account_id == "" ? 1 : 0
  source            = "../../modules/service_account"
  name              = "${var.name}-runs"
  folder_id         = var.folder_id
  cloud_id          = var.cloud_id
  create_static_key = var.existing_static_key_id == ""
  folder_roles      = ["storage.editor", "kms.keys.encrypterDecrypter"]
}

module "community" {
  count              = var.existing_community_id == "" ? 1 : 0
  source             = "../../modules/datasphere_community"
  name               = var.name
  organization_id    = var.organization_id
  billing_account_id = var.billing_account_id
}

module "project" {
  count                   = var.existing_project_id == "" ? 1 : 0
  source                  = "../../modules/datasphere_project"
  name                    = var.name
  community_id            = local.community_id
  max_units_per_hour      = var.max_units_per_hour
  max_units_per_execution = var.max_units_per_execution
  service_account_id      = local.service_account_id
  developers              = ["serviceAccount:${local.service_account_id}"]
}

module "storage" {
  count      = var.bucket == "" ? 0 : 1
  source     = "../../modules/object_storage"
  bucket     = var.bucket
  folder_id  = var.folder_id
  access_key = local.access_key
  secret_key = local.secret_key
}

module "functions" {
  count          = var.function_package_sha256 == "" ? 0 : 1
  source         = "../../modules/functions"
  name           = var.name
  folder_id      = var.folder_id
  package_bucket = var.bucket
  package_sha256 = var.function_package_sha256
  minutes        = var.function_minutes
}

module "postgresql" {
  count               = var.database_network_id == "" ? 0 : 1
  source              = "../../modules/postgresql"
  name                = "${var.name}-store"
  folder_id           = var.folder_id
  network_id          = var.database_network_id
  subnet_id           = var.database_subnet_id
  zone                = var.database_zone
  user_secret         = var.database_secret
  deletion_protection = var.database_protected
}

locals {
  functions = try(module.functions[0].addresses, {})
  function_settings = join("", [
    for name, address in local.functions : "functions_${name} = \"${address}\"\n"
  ])
  store_setting      = try("store = \"${module.postgresql[0].address}\"\n", "")
  bucket_setting     = var.bucket == "" ? "" : "functions_bucket = \"s3://${var.bucket}\"\nfunctions_minutes = ${var.function_minutes}\n"
  service_account_id = var.existing_service_account_id != "" ? var.existing_service_account_id : module.service_account[0].id
  community_id       = var.existing_community_id != "" ? var.existing_community_id : module.community[0].community_id
  project_id         = var.existing_project_id != "" ? var.existing_project_id : module.project[0].project_id
  access_key         = try(module.service_account[0].static_access_key_id, var.existing_access_key)
  secret_key         = try(module.service_account[0].static_secret_key, var.existing_secret_key)
}

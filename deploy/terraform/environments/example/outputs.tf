output "datasphere_project_id" {
  description = "Id of the project"
  value       = local.project_id
}

output "community_id" {
  description = "Id of the community"
  value       = local.community_id
}

output "plastinka_settings" {
  description = "Lines for plastinka.toml; plastinka check reads them from there"
  value       = "datasphere_project = \"${local.project_id}\"\n${local.store_setting}${local.bucket_setting}${local.function_settings}"
}

output "datasphere_summary" {
  description = "What there is, and what it may use"
  value = {
    project                 = local.project_id
    community               = local.community_id
    service_account         = local.service_account_id
    max_units_per_hour      = var.max_units_per_hour
    max_units_per_execution = var.max_units_per_execution
  }
}

output "import_status" {
  description = "What existed before, and what was made here"
  value = {
    service_account = var.existing_service_account_id != "" ? "existing" : "made"
    static_key      = var.existing_static_key_id != "" ? "existing" : "made"
    community       = var.existing_community_id != "" ? "existing" : "made"
    project         = var.existing_project_id != "" ? "existing" : "made"
  }
}

output "static_access_key_id" {
  description = "Id of the static key, where one was made"
  value       = try(module.service_account[0].static_access_key_id, "")
  sensitive   = true
}

output "static_secret_key" {
  description = "The static key, where one was made"
  value       = try(module.service_account[0].static_secret_key, "")
  sensitive   = true
}

output "function_api_key" {
  description = "The key by which the functions are called: the secret YC_API_KEY"
  value       = try(module.functions[0].api_key, "")
  sensitive   = true
}

output "id" {
  description = "Id of the service account"
  value       = yandex_iam_service_account.this.id
}

output "name" {
  description = "Name of the service account"
  value       = yandex_iam_service_account.this.name
}

output "static_access_key_id" {
  description = "Id of the static key; empty where none was made"
  value       = try(yandex_iam_service_account_static_access_key.this[0].access_key, "")
  sensitive   = true
  depends_on  = [yandex_resourcemanager_folder_iam_member.roles]
}

output "static_secret_key" {
  description = "The static key; empty where none was made"
  value       = try(yandex_iam_service_account_static_access_key.this[0].secret_key, "")
  sensitive   = true
  depends_on  = [yandex_resourcemanager_folder_iam_member.roles]
}

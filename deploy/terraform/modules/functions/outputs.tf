output "addresses" {
  description = "Where the functions are called, by name"
  value       = { for name, each in yandex_function.this : name => "https://functions.yandexcloud.net/${each.id}" }
}

output "caller_id" {
  description = "Id of the account that may call the functions"
  value       = yandex_iam_service_account.caller.id
}

output "api_key" {
  description = "The key by which functions are called: the secret YC_API_KEY"
  value       = yandex_iam_service_account_api_key.caller.secret_key
  sensitive   = true
}

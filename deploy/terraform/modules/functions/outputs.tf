output "function_ids" {
  description = "Id of each function, by its mode"
  value       = { for mode, each in yandex_function.this : mode => each.id }
}

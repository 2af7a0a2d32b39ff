output "community_id" {
  description = "Id of the community"
  value       = yandex_datasphere_community.this.id
}

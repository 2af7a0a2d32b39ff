output "project_id" {
  description = "Id of the project: the setting datasphere_project"
  value       = yandex_datasphere_project.this.id
}

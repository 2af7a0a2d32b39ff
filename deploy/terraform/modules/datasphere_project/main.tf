terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

# The limits are the cost cap: a job that would take more is ended by the cloud.
resource "yandex_datasphere_project" "this" {
  name         = var.name
  description  = var.description
  community_id = var.community_id
  labels       = var.labels
  limits = {
    max_units_per_hour      = var.max_units_per_hour
    max_units_per_execution = var.max_units_per_execution
  }
  settings = {
    service_account_id = var.service_account_id == "" ? null : var.service_account_id
  }
}

resource "yandex_datasphere_project_iam_binding" "developers" {
  count      = length(var.developers) > 0 ? 1 : 0
  project_id = yandex_datasphere_project.this.id
  role       = "datasphere.community-projects.developer"
  members    = var.developers
}

terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

resource "yandex_datasphere_community" "this" {
  name               = var.name
  organization_id    = var.organization_id
  billing_account_id = var.billing_account_id == "" ? null : var.billing_account_id
  labels             = var.labels
}

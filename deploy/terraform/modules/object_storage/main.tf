terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

resource "yandex_kms_symmetric_key" "this" {
  name              = "${var.bucket}-key"
  description       = "Encrypts what lies in the bucket ${var.bucket}"
  folder_id         = var.folder_id
  default_algorithm = "AES_256"
  rotation_period   = "8760h"
}

resource "yandex_storage_bucket" "this" {
  bucket     = var.bucket
  folder_id  = var.folder_id
  access_key = var.access_key
  secret_key = var.secret_key
  max_size   = var.max_size

  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = yandex_kms_symmetric_key.this.id
        sse_algorithm     = "aws:kms"
      }
    }
  }

  lifecycle_rule {
    id                                     = "temporary"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 1
    filter {
      prefix = "temporary/"
    }
    expiration {
      days = var.temporary_days
    }
  }

  lifecycle_rule {
    id      = "results"
    enabled = true
    filter {
      prefix = "results/"
    }
    expiration {
      days = var.result_days
    }
  }
}

# Two functions of one package. They get no right to anything: what a run needs is lent to it by
# presigned addresses. Who calls them is an account of its own, which may do nothing else.

terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

locals {
  functions = {
    forecast = var.forecast_memory
    train    = var.train_memory
  }
}

resource "yandex_function" "this" {
  for_each          = local.functions
  name              = "${var.name}-${each.key}"
  description       = "plastinka: ${each.key}"
  folder_id         = var.folder_id
  runtime           = var.runtime
  entrypoint        = "index.${each.key}"
  memory            = each.value
  execution_timeout = tostring(var.minutes * 60)
  user_hash         = var.package_sha256

  package {
    bucket_name = var.package_bucket
    object_name = var.package_object
    sha_256     = var.package_sha256
  }
}

resource "yandex_iam_service_account" "caller" {
  name        = "${var.name}-calls"
  description = "Calls the functions of ${var.name}, and may do nothing else"
  folder_id   = var.folder_id
}

resource "yandex_function_iam_binding" "caller" {
  for_each    = yandex_function.this
  function_id = each.value.id
  role        = "functions.functionInvoker"
  members     = ["serviceAccount:${yandex_iam_service_account.caller.id}"]
}

resource "yandex_iam_service_account_api_key" "caller" {
  service_account_id = yandex_iam_service_account.caller.id
  description        = "Calls the functions of ${var.name}"
}

terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

# Two functions of one package: train and forecast call the same handler, which is told by MODE.
resource "yandex_function" "this" {
  for_each           = var.modes
  name               = "${var.name}-${each.key}"
  description        = "plastinka ${each.key}"
  folder_id          = var.folder_id
  user_hash          = var.package_sha256
  runtime            = "python312"
  entrypoint         = "plastinka.jobs.functions.handler"
  memory             = each.value.memory
  execution_timeout  = each.value.seconds
  service_account_id = var.service_account_id
  environment = {
    MODE   = each.key
    BUCKET = var.bucket
  }

  package {
    bucket_name = var.bucket
    object_name = var.package_object
    sha_256     = var.package_sha256
  }
}

# Only the account named may call them; nobody else, and nobody without a key.
resource "yandex_function_iam_binding" "invokers" {
  for_each    = yandex_function.this
  function_id = each.value.id
  role        = "functions.functionInvoker"
  members     = ["serviceAccount:${var.invoker_id}"]
}

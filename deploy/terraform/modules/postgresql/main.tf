terraform {
  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
    }
  }
}

resource "yandex_mdb_postgresql_cluster" "this" {
  name                = var.name
  description         = "The store of plastinka, and the queue of its service"
  folder_id           = var.folder_id
  environment         = "PRODUCTION"
  network_id          = var.network_id
  security_group_ids  = var.security_group_ids
  deletion_protection = var.deletion_protection

  config {
    version                   = "15"
    backup_retain_period_days = var.backup_days

    resources {
      resource_preset_id = var.preset
      disk_type_id       = "network-ssd"
      disk_size          = var.disk_size
    }

    backup_window_start {
      hours   = 1
      minutes = 0
    }
  }

  host {
    zone             = var.zone
    subnet_id        = var.subnet_id
    assign_public_ip = var.public
  }
}

resource "yandex_mdb_postgresql_user" "this" {
  cluster_id = yandex_mdb_postgresql_cluster.this.id
  name       = var.user
  password   = var.user_secret
}

resource "yandex_mdb_postgresql_database" "this" {
  cluster_id = yandex_mdb_postgresql_cluster.this.id
  name       = var.database
  owner      = yandex_mdb_postgresql_user.this.name
}

output "cluster_id" {
  description = "Id of the cluster"
  value       = yandex_mdb_postgresql_cluster.this.id
}

output "address" {
  description = "Address of the store, without its password: PGPASSWORD or ~/.pgpass gives that"
  value       = "postgresql://${var.user}@c-${yandex_mdb_postgresql_cluster.this.id}.rw.mdb.yandexcloud.net:6432/${yandex_mdb_postgresql_database.this.name}?sslmode=verify-full"
}

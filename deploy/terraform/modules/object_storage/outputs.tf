output "bucket" {
  description = "Name of the bucket"
  value       = yandex_storage_bucket.this.bucket
}

output "key_id" {
  description = "Id of the key that encrypts it"
  value       = yandex_kms_symmetric_key.this.id
}

"""HashiCorp Vault and OpenBao: the KV engine, version 2."""

"""The stack of containers for developer machines and CI: images, certificates, services."""

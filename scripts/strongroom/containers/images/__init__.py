"""The images of ``docker/``: what each is made of, built when that changed, and listed."""

from strongroom.containers.images.build import Built, build_images, find_here, list_images
from strongroom.containers.images.recipe import NAMES, REPOSITORY, SERVICES, read_versions

__all__ = ["NAMES", "REPOSITORY", "SERVICES", "Built", "build_images", "find_here", "list_images", "read_versions"]

"""Lists the packages; everything else is in pyproject.toml.

`cockpit.dashboard` lives in the folder `dashboard/`, which automatic discovery cannot map.
"""

from setuptools import find_packages, setup


def packages(name: str, folder: str) -> list[str]:
    return [name, *(f"{name}.{found}" for found in find_packages(folder))]


setup(
    packages=packages("cockpit", "cockpit") + packages("cockpit.dashboard", "dashboard"),
    package_dir={"cockpit.dashboard": "dashboard"},
)

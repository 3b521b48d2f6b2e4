from pathlib import Path

from piccolo.conf.apps import AppConfig

APP_CONFIG = AppConfig("notes", migrations_folder_path=str(Path(__file__).parent / "migrations"))

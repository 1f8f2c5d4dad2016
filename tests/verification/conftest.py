from tests.owner import owner_session

__all__ = ["owner_session"]

"""Alembic's entry: runs the migrations on the connection it is given."""

from alembic import context
from sqlmodel import SQLModel

from hub.store import tables  # noqa: F401  (the tables are known once they are imported)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

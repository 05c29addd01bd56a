"""decisions: what they asked for, how many rules had set each other off by then, and whether others hear of them"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("actions", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("depth", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("chained", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.create_index("ix_decision_chained", ["chained"])


def downgrade() -> None:
    with op.batch_alter_table("decision") as batch:
        batch.drop_index("ix_decision_chained")
        for column in ("chained", "depth", "actions"):
            batch.drop_column(column)

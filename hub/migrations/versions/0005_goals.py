"""goals: what people want a day or a week of a metric to come to"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    op.create_table(
        "goal",
        sa.Column("person_id", Text(length=63), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("metric", Text(length=63), primary_key=True),
        sa.Column("target", sa.Float(), nullable=False),
        sa.Column("per", Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("goal")

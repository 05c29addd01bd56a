"""recommendations: what was offered to people; the place of a consent among what devices said"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    with op.batch_alter_table("tick") as batch:
        batch.add_column(sa.Column("consent", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "recommendation",
        sa.Column("id", Text(length=80), primary_key=True),
        sa.Column("decision_id", Text(), nullable=False),
        sa.Column("rule", Text(), nullable=False),
        sa.Column("person_id", Text(length=63), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("catalogue", Text(), nullable=False),
        sa.Column("item", Text(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("because", sa.JSON(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_recommendation_decision_id", "recommendation", ["decision_id"])
    op.create_index("ix_recommendation_person", "recommendation", ["person_id", "at"])
    op.create_index("ix_recommendation_open", "recommendation", ["status", "expires_at"])


def downgrade() -> None:
    op.drop_table("recommendation")
    with op.batch_alter_table("tick") as batch:
        batch.drop_column("consent")

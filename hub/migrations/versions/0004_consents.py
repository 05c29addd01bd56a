"""consents: what people allowed; where they are: their time zones and region"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    with op.batch_alter_table("person") as batch:
        batch.add_column(sa.Column("region", Text(), nullable=True))
    op.create_table(
        "stay",
        sa.Column("person_id", Text(length=63), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("since", sa.BigInteger(), primary_key=True),
        sa.Column("timezone", Text(), nullable=False),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", Text(length=63), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("purpose", Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", Text(), nullable=False),
    )
    op.create_index("ix_consent_person_id", "consent", ["person_id"])


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_table("stay")
    with op.batch_alter_table("person") as batch:
        batch.drop_column("region")

"""rules: versions, traits, ticks, services and deliveries"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("clauses", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("kind", Text(), nullable=False, server_default="person"))
        batch.add_column(sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("update decision set clauses = '[' || clause || ']'")
    with op.batch_alter_table("decision") as batch:
        batch.drop_column("clause")
        batch.create_index("ix_decision_shadow", ["shadow"])
    op.create_table(
        "rule",
        sa.Column("id", Text(length=63), primary_key=True),
        sa.Column("pack", Text(), nullable=False),
        sa.Column("active", Text(), nullable=True),
        sa.Column("shadow", Text(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "rule_version",
        sa.Column("rule_id", Text(length=63), sa.ForeignKey("rule.id"), primary_key=True),
        sa.Column("version", Text(length=12), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", Text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("saved_by", Text(), nullable=False),
    )
    op.create_table(
        "rule_switch",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("rule_id", Text(), sa.ForeignKey("rule.id"), nullable=False, index=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", Text(), nullable=False),
        sa.Column("what", Text(), nullable=False),
        sa.Column("version", Text(), nullable=True),
    )
    op.create_table(
        "tuning",
        sa.Column("scope", Text(), primary_key=True),
        sa.Column("rule_id", Text(length=63), primary_key=True),
        sa.Column("input", Text(length=63), primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("set_by", Text(), nullable=False),
    )
    op.create_table(
        "trait",
        sa.Column("kind", Text(), primary_key=True),
        sa.Column("scope", Text(), primary_key=True),
        sa.Column("name", Text(length=63), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", Text(), nullable=False),
    )
    op.create_table(
        "tick",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False, index=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "service",
        sa.Column("name", Text(length=63), primary_key=True),
        sa.Column("url", Text(), nullable=False),
        sa.Column("secret", Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("id", Text(length=64), primary_key=True),
        sa.Column("decision_id", Text(), nullable=False, index=True),
        sa.Column("kind", Text(), nullable=False),
        sa.Column("target", Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("status", Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_delivery_open", "delivery", ["status", "next_at"])


def downgrade() -> None:
    for table in ("delivery", "service", "tick", "trait", "tuning", "rule_switch", "rule_version", "rule"):
        op.drop_table(table)
    with op.batch_alter_table("decision") as batch:
        batch.drop_index("ix_decision_shadow")
        batch.add_column(sa.Column("clause", sa.JSON(), nullable=False, server_default="{}"))
        batch.drop_column("clauses")
        batch.drop_column("shadow")
        batch.drop_column("kind")

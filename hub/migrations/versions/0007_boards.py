"""boards: who shares one, under which name, and who was invited"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    op.create_table(
        "board",
        sa.Column("id", Text(length=16), primary_key=True),
        sa.Column("title", Text(), nullable=False),
        sa.Column("metric", Text(length=63), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "board_member",
        sa.Column("board_id", Text(length=16), sa.ForeignKey("board.id"), primary_key=True),
        sa.Column("person_id", Text(length=63), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("name", Text(), nullable=False),
        sa.Column("likeness", Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("board_id", "likeness"),
    )
    op.create_index("ix_board_member_person_id", "board_member", ["person_id"])
    op.create_table(
        "board_invitation",
        sa.Column("board_id", Text(length=16), sa.ForeignKey("board.id"), primary_key=True),
        sa.Column("invited_by", Text(length=63), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("username", Text(length=63), primary_key=True),
        sa.Column("declined", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_board_invitation_username", "board_invitation", ["username"])


def downgrade() -> None:
    for table in ("board_invitation", "board_member", "board"):
        op.drop_table(table)

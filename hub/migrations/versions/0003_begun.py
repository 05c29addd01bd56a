"""ticks: when rules that go by the clock began for a scope; what rules remember has a file of its own"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    with op.batch_alter_table("tick") as batch:
        batch.add_column(sa.Column("kind", Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("scope", Text(), nullable=False, server_default=""))
    op.drop_table("snapshot")


def downgrade() -> None:
    with op.batch_alter_table("tick") as batch:
        batch.drop_column("scope")
        batch.drop_column("kind")
    op.create_table(
        "snapshot",
        sa.Column("name", Text(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
    )

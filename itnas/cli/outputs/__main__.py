"""`python -m itnas.cli.outputs > docs/json.md`"""

import sys

from itnas.cli.outputs.page import page

sys.stdout.write(page())

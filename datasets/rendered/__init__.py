"""Rooms and stacks that are rendered by MuJoCo on the user's machine.

`scenes`, `rooms` and `stacks` define the scenes; `renderer`, `room_renderer` and
`stack_renderer` render them; `workers` does so in several processes.
"""

import os

# MuJoCo reads the variable when it is first imported; EGL works without a display.
os.environ.setdefault("MUJOCO_GL", "egl")

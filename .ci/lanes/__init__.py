"""The lanes of other platforms: each installs its needs, builds, runs, and gives outcomes. They must not know how outcomes are judged."""

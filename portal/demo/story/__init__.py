"""Fourteen months of a partner program, told through the real services."""

from portal.demo.story.script import DemoStory
from portal.demo.story.stage import StoryBroken

__all__ = ["DemoStory", "StoryBroken"]

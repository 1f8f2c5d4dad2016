import gc


def spare_the_collector() -> None:
    """Have the garbage collector pass over all that this process keeps for good.

    Work on many rows makes a great many objects, and each full collection would look
    through the whole app again: up to a third of the time of such work.
    """
    gc.collect()
    gc.freeze()

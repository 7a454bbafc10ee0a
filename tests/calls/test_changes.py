from sipscope.calls.changes import ChangeLog


def test_what_changed_since_a_version() -> None:
    log = ChangeLog()
    log.ids += [1, 2]
    seen = log.version
    log.ids += [3, 3]
    assert log.since(seen) == {3}
    assert log.since(log.version) == set()
    assert log.since(0) == {1, 2, 3}


def test_versions_go_on_when_the_log_is_trimmed() -> None:
    log = ChangeLog()
    log.ids += range(ChangeLog.CAPACITY + 1)
    version = log.version
    log.trim()
    assert log.version == version == ChangeLog.CAPACITY + 1
    assert log.since(version - 1) == {ChangeLog.CAPACITY}
    assert len(log.ids) <= ChangeLog.CAPACITY


def test_a_version_before_the_log_is_told() -> None:
    log = ChangeLog()
    log.ids += range(ChangeLog.CAPACITY + 1)
    log.trim()
    assert log.since(0) is None


def test_a_log_that_is_not_full_is_left_alone() -> None:
    log = ChangeLog()
    log.ids += range(ChangeLog.CAPACITY)
    log.trim()
    assert log.since(0) == set(range(ChangeLog.CAPACITY))

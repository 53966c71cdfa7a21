"""Work for another thread: done once, by it or by who asks for what came of it."""

import os
import threading

import pytest

from tradewind_engine.beside import Task, Worker


def test_a_task_is_done_by_another_thread():
    """If it has time."""
    begun = threading.Event()

    def call(number):
        begun.set()
        return number, threading.current_thread().name

    task = Worker().give(call, 7)
    assert begun.wait(10)
    assert (7, "beside") == task.result()


def test_what_nobody_has_begun_is_done_by_who_asks():
    """A thread that is busy, or has no processor, keeps nobody waiting; later it finds the task done."""
    worker, go, done = Worker(), threading.Event(), []
    busy = worker.give(go.wait, 10)
    task = worker.give(lambda: done.append(threading.current_thread().name))
    task.result()
    go.set()
    assert busy.result()
    worker.give(lambda: None).result()
    assert [threading.current_thread().name] == done


def test_tasks_are_done_in_the_order_in_which_they_were_given():
    """Who hands over what is wanted first gets it first."""
    worker, go, done, last = Worker(), threading.Event(), [], threading.Event()
    worker.give(go.wait, 10)
    for number in range(3):
        worker.give(done.append, number)
    worker.give(last.set)
    go.set()
    assert last.wait(10)
    assert [0, 1, 2] == done


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_a_task_raised_is_raised_where_it_is_asked_for():
    """Each time, and the next task has a thread again."""
    worker = Worker()
    task = worker.give(int, "candle")
    for _ in range(2):
        with pytest.raises(ValueError, match="candle"):
            task.result()
    failed, done = threading.Event(), threading.Event()
    worker.give(lambda: failed.set() or int("candle"))
    assert failed.wait(10)
    worker._thread.join(10)
    worker.give(done.set)
    assert done.wait(10)


def test_a_task_that_is_being_done_is_waited_for():
    """And not done twice."""
    begun, go, done = threading.Event(), threading.Event(), []

    def call():
        begun.set()
        go.wait(10)
        done.append(1)
        return len(done)

    task = Task(call)
    threading.Thread(target=task.do).start()
    assert begun.wait(10)
    threading.Timer(0.05, go.set).start()
    assert 1 == task.result() == len(done)


def test_a_fork_has_a_thread_of_its_own():
    """The one of its parent does not live in it."""
    worker = Worker()
    worker.give(int).result()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        begun = threading.Event()
        worker.give(begun.set)
        os.write(write, b"done" if begun.wait(10) else b"idle")
        os._exit(0)
    os.waitpid(child, 0)
    assert b"done" == os.read(read, 4)
    os.close(read)
    os.close(write)

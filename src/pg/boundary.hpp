// The boundary between two ways of reporting errors.
//
// PostgreSQL reports an error by longjmp: it skips the destructors of every C++ frame that it jumps over. C++ reports
// by unwinding: an exception that reaches PostgreSQL's C frames ends the process, and with it every session of the
// server. So neither may cross the other, and two functions keep them apart:
//
//   boundary(f)  is the body of every function that PostgreSQL calls. Nothing thrown in f leaves it: an exception
//                becomes an ERROR with its SQLSTATE, detail and hint.
//   call(f)      runs a piece of PostgreSQL under live C++ objects. An ERROR raised in f becomes the exception
//                error_in_flight, which runs the destructors on its way to the boundary; there the very same error,
//                still on PostgreSQL's error stack, goes on.
//
// A function at the boundary therefore has three phases:
//   1. fetch and detoast its arguments, with nothing but trivial locals alive (PostgreSQL may raise freely),
//   2. run the core (which knows nothing of PostgreSQL and throws),
//   3. build the result, through call() where C++ objects are still alive.
//
// A lambda given to call() must own no object with a destructor: the jump back skips its frame.
#pragma once

#include "core/error.hpp"
#include "pg/postgres.hpp"

#include <csetjmp>
#include <type_traits>

namespace etl::pg {

// A PostgreSQL error is on its way through C++ frames. Not a std::exception on purpose: code that catches those to
// deal with them must not catch this one.
struct error_in_flight {};

// What boundary() carries out of its catch clause: plain bytes on the stack, because the report must be made after
// the clause has ended (a longjmp out of it would leak the exception object).
struct failure {
    bool in_flight;
    char sqlstate[6];
    char message[1024];
    char detail[2048];
    char hint[1024];
};

// Fills the report from the exception being handled. Never throws.
void describe_current_exception(failure& out) noexcept;

// Raises the described error; PostgreSQL takes it from here.
[[noreturn]] void report(const failure& what);

namespace detail {

// Where PostgreSQL stood before a call(), to be put back when its error has been caught.
class handler_frame {
  public:
    handler_frame() noexcept
        : exception_stack_{PG_exception_stack}, context_stack_{error_context_stack}, memory_{CurrentMemoryContext}
    {
    }
    void install(sigjmp_buf* target) const noexcept { PG_exception_stack = target; }
    void leave() const noexcept
    {
        PG_exception_stack = exception_stack_;
        error_context_stack = context_stack_;
    }
    [[noreturn]] void rethrow_as_exception() const
    {
        leave();
        MemoryContextSwitchTo(memory_);
        throw error_in_flight{};
    }

  private:
    sigjmp_buf* exception_stack_;
    ErrorContextCallback* context_stack_;
    MemoryContext memory_;
};
static_assert(std::is_trivially_destructible_v<handler_frame>);

} // namespace detail

template <class Body>
auto boundary(Body&& body) -> decltype(body())
{
    const detail::handler_frame caller;
    failure what;
    try {
        return body();
    } catch (...) {
        describe_current_exception(what);
    }
    caller.leave(); // a C++ exception from within call() has passed its frame by
    report(what);
}

// Runs f, which calls PostgreSQL, while C++ objects are alive. Costs some nanoseconds: sigsetjmp without the signal
// mask, which PostgreSQL does not change while it raises an error.
template <class F>
auto call(F&& f) -> std::invoke_result_t<F>
{
    using result = std::invoke_result_t<F>;
    static_assert(std::is_void_v<result> || std::is_trivially_copyable_v<result>,
                  "what PostgreSQL returns over a longjmp must be trivial");
    const detail::handler_frame frame;
    sigjmp_buf target;
    if (sigsetjmp(target, 0) != 0) {
        frame.rethrow_as_exception();
    }
    frame.install(&target);
    if constexpr (std::is_void_v<result>) {
        f();
        frame.leave();
    } else {
        result value = f();
        frame.leave();
        return value;
    }
}

// The stop callback for core loops: cancel, statement_timeout and shutdown act here.
inline void poll()
{
    if (INTERRUPTS_PENDING_CONDITION()) {
        call([] { ProcessInterrupts(); });
    }
}

} // namespace etl::pg

"""Programs that are built with optimization whatever the rest of the build does.

For tests that run many millions of steps through the library's own code: without optimization of all of it, they take
five times as long.
"""

def _optimize(_settings, _attr):
    return {"//command_line_option:compilation_mode": "opt"}

_optimized = transition(
    implementation = _optimize,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _link_to_program(ctx):
    link = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = link, target_file = ctx.executable.program, is_executable = True)
    return [DefaultInfo(executable = link, runfiles = ctx.attr.program[DefaultInfo].default_runfiles)]

_ATTRIBUTES = {
    "program": attr.label(cfg = "target", executable = True, mandatory = True),
    "_allowlist_function_transition": attr.label(default = "@bazel_tools//tools/allowlists/function_transition_allowlist"),
}

optimized_binary = rule(
    implementation = _link_to_program,
    attrs = _ATTRIBUTES,
    cfg = _optimized,
    executable = True,
)

optimized_test = rule(
    implementation = _link_to_program,
    attrs = _ATTRIBUTES,
    cfg = _optimized,
    test = True,
)

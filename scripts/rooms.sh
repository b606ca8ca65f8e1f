# How a room of tests is run, here and in the virtual machine. Sourced, not run.

# Tests drive kernels, browsers and daemons beside each other, on machines that others use: what
# failed is run once more by itself, where it is at most so many tests. The totals name what passed
# only then.
AT_MOST=3

# Run pytest on suites, and what failed of them a second time; return 1 where a test failed twice.
#
#   run_twice RESULTS WORDS... -- SUITES...    RESULTS is a junit file, the second run's lies beside it
#
# `totals` are the words that run scripts/totals.py.
run_twice() {
    local results=$1 words=() code=0 tests
    shift
    while [[ $1 != -- ]]; do
        words+=("$1")
        shift
    done
    shift
    "${words[@]}" --junitxml "$results" "$@" || code=$?
    [[ $code -ne 0 ]] || return 0
    [[ $code -eq 1 ]] || return 1
    mapfile -t tests < <("${totals[@]}" --failed "$results")
    [[ ${#tests[@]} -gt 0 && ${#tests[@]} -le $AT_MOST ]] || return 1
    echo "── once more, alone: ${tests[*]}"
    "${words[@]}" -n 0 --junitxml "${results%.xml}.again.xml" "${tests[@]}"
}

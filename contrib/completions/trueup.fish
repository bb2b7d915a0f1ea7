# Completion of trueup for fish. What there is to complete it takes from
# `trueup help`, as trueup.bash does.

function __trueup_commands
    trueup help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  */\1\t/p'
end

function __trueup_command
    string match -v -- '-*' (commandline -opc)[2..] | head -n 1
end

function __trueup_options
    trueup help (__trueup_command) 2>/dev/null | sed -nE 's/^ +(-[a-z], )?(--[a-z-]+)( [^ ]+)? */\2\t/p'
end

# Words that the help names for a value: "text (default), json or markdown".
function __trueup_words
    set -l command (__trueup_command) plan
    trueup help $command[1] 2>/dev/null |
        sed -nE "/--$argv[1] /{s/.*--$argv[1] [^ ]+ +//;s/.*: //;s/;.*//;s/ \(default\)|,| or//g;p}" | string split ' '
end

function __trueup_values
    switch (commandline -opc)[-1]
        case -o --output
            __trueup_words output
        case --color --log-format --man
            __trueup_words (string sub -s 3 -- (commandline -opc)[-1])
        case --iam
            printf '%s\n' observe enforce
        case --only
            trueup help plan 2>/dev/null | sed -n 's/.*kinds: //p' | string split ', '
        case '*'
            return 1
    end
end

# The fields right below the one that is being typed: "spec.cluster.enc" asks for those of spec.cluster.
function __trueup_fields
    set -l above (string match -r '^(.*)\\.' -- (commandline -ct))[2]
    set -l front (string replace -r '$' . -- $above)
    trueup explain $above 2>/dev/null | sed -nE '1,/^FIELDS/d;s/^  ([A-Za-z]+) \\(.*/\\1/p' |
        string replace -r '^' "$front"
end

# What is expected: value, command, option or file.
function __trueup_expects
    set -l expected file
    if __trueup_values >/dev/null
        set expected value
    else if contains -- "$(__trueup_command)" '' help
        set expected command
    else if string match -q -- '-*' (commandline -ct)
        set expected option
    else if test "$(__trueup_command)" = explain
        set expected field
    else if test "$(__trueup_command)" = history
        set expected name # of a deployment, which is not known here
    end
    test $expected = $argv[1]
end

complete -c trueup -f -n '__trueup_expects value' -a '(__trueup_values)'
complete -c trueup -f -n '__trueup_expects command' -a '(__trueup_commands)'
complete -c trueup -f -n '__trueup_expects name'
complete -c trueup -f -n '__trueup_expects field' -a '(__trueup_fields)'
complete -c trueup -f -n '__trueup_expects option' -a '(__trueup_options)'

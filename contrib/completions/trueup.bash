# Completion of trueup for bash. What there is to complete it takes from
# `trueup help`, so that it knows what the installed version knows.

_trueup_commands() { trueup help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }

_trueup_options() { trueup help "$1" 2>/dev/null | grep -o -E '^ +(-[a-z], )?--[a-z-]+' | grep -o -E -e '--[a-z-]+'; }

# Words that the help names for a value: "text (default), json or markdown".
_trueup_words() {
    trueup help "$1" 2>/dev/null | sed -nE "/--$2 /{s/.*--$2 [^ ]+ +//;s/.*: //;s/;.*//;s/ \(default\)|,| or//g;p}"
}

_trueup_values() {
    case $2 in
    -o | --output) _trueup_words "$1" output ;;
    --color | --log-format | --man) _trueup_words "$1" "${2#--}" ;;
    --iam) echo "observe enforce" ;;
    --only) trueup help plan 2>/dev/null | sed -n 's/.*kinds: //p' | tr -d , ;;
    *) return 1 ;;
    esac
}

# The fields right below the one that is being typed: "spec.cluster.enc" asks for those of spec.cluster.
_trueup_fields() {
    local above=
    case $1 in
    *[!A-Za-z.]*) return ;;
    *.*) above=${1%.*} ;;
    esac
    trueup explain ${above:+"$above"} 2>/dev/null | sed -nE "1,/^FIELDS/d;s/^  ([A-Za-z]+) \\(.*/${above:+$above.}\\1/p"
}

_trueup_command() {
    local word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in -*) ;; *) echo "$word"; return ;; esac
    done
}

_trueup() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command words
    command=$(_trueup_command)
    COMPREPLY=()
    if [ "$COMP_CWORD" -gt 1 ] && words=$(_trueup_values "${command:-plan}" "$previous"); then
        :
    elif [ -z "$command" ] || [ "$command" = help ]; then
        words=$(_trueup_commands)
    elif [[ $current == -* ]]; then
        words=$(_trueup_options "$command")
    elif [ "$command" = explain ]; then
        words=$(_trueup_fields "$current")
        compopt -o nospace 2>/dev/null # a field may have others below it
    elif [ "$command" = history ]; then
        return # names of deployments, which are not known here
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _trueup trueup

# zsh -f complete.zsh FOLDER LINE…: what an interactive zsh completes each LINE to: the matches, a line each, and an
# empty line. They are caught where they are added, since what is shown of them depends on the terminal.
if [[ -o interactive ]]; then
    fpath=($COMPLETIONS $fpath)
    autoload -U compinit
    compinit -u -D
    bindkey -e
    bindkey '^I' complete-word
    zstyle ':completion:*' verbose no
    compadd() {
        if [[ ${(j: :)@[1,(i)(-|--)]} == *-[OAD]\ * ]]; then builtin compadd "$@"; return; fi
        local -a found
        builtin compadd -A found "$@"
        ((! $#found)) || print -l -- MATCH:${^found}
        builtin compadd "$@"
    }
    end-matches() { print -- END-OF-MATCHES; compstate[insert]=; comppostfuncs=(end-matches) } # each is called once
    comppostfuncs=(end-matches)
    PS1= PS2=
    print -- READY
    return
fi
zmodload zsh/zpty || exit 1
export COMPLETIONS=$1
zpty inner zsh -f -i
zpty -w inner "source ${0:a}"
zpty -r inner seen '*READY*' || exit 1
for line in "${@:2}"; do
    zpty -w -n inner "$line"$'\t'
    zpty -r inner seen '*END-OF-MATCHES*' || exit 1
    zpty -w -n inner $'\C-u'
    print -r -- $seen | tr -d '\r' | sed -n 's/.*MATCH://p'
    print
done
zpty -d inner

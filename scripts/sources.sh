# shellcheck shell=bash
# The lists of files that lint and format work on: tracked ones and new ones that git does not ignore.

list() { git ls-files -co --exclude-standard --deduplicate -- "$@" | while read -r file; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
done; }

cpp_files() { list '*.h' '*.cc' '*.cu' '*.cuh'; }

shell_files() {
    list | while read -r file; do
        case $file in
            *.sh) printf '%s\n' "$file" ;;
            *.*) ;;
            *) if head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b'; then printf '%s\n' "$file"; fi ;;
        esac
    done
    printf '.ci/run\n'
}

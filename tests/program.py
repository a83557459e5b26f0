"""``sweetspot``, as pip installs it: the commands of the engine and of the app, of this checkout and no other."""

from engine.__main__ import main

if __name__ == "__main__":
    main()

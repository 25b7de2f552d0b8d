# SPDX-License-Identifier: GPL-2.0
# Installing, and Debian packages.  Included by the Makefile.

VERSION := $(shell sed -n 's/^\#define FVP_VERSION "\(.*\)"/\1/p' tools/fvp.h)
# Sources of the module, where DKMS looks for them whatever PREFIX is: what Kbuild names, and nothing else.
DKMS_DIR = $(DESTDIR)/usr/src/fvp-$(VERSION)

.PHONY: install dkms-install deb
install: tools-install daemon-install dkms-install

dkms-install:
	install -d $(DKMS_DIR)/core $(DKMS_DIR)/kernel $(DKMS_DIR)/include
	install -m 644 Kbuild $(DKMS_DIR)
	install -m 644 core/*.[ch] $(DKMS_DIR)/core
	install -m 644 kernel/*.[ch] $(DKMS_DIR)/kernel
	install -m 644 include/*.h $(DKMS_DIR)/include
	sed 's/#MODULE_VERSION#/$(VERSION)/' packaging/dkms.conf >$(DKMS_DIR)/dkms.conf

# fvp-dkms, fvp-utils and fvpd in out/deb, from a copy of the tree, so that the checkout stays clean.
deb:
	lab/setup --packages
	rm -rf $(O)/deb
	mkdir -p $(O)/deb/fvp-$(VERSION)
	git ls-files -co --exclude-standard | while read -r f; do [ ! -f "$$f" ] || echo "$$f"; done | \
		rsync -a --files-from=- . $(O)/deb/fvp-$(VERSION)/
	cd $(O)/deb/fvp-$(VERSION) && dpkg-buildpackage -b -us -uc
	cd $(O)/deb && lintian --fail-on error,warning *.changes
	rm -rf $(O)/deb/fvp-$(VERSION)
	ls $(O)/deb/*.deb

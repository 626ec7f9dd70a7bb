# nix run github:evshell/ev -- timer 1s
{
  description = "Wait for something to happen, then print it or run a command";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-darwin"
        "x86_64-linux"
      ];
    in
    {
      packages = nixpkgs.lib.genAttrs systems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
        in
        {
          default = pkgs.buildGoModule rec {
            pname = "ev";
            version = self.shortRev or self.dirtyShortRev or "unknown";
            src = self;
            # go generate ./... writes it.
            vendorHash = "sha256-9XNQXAuz4pjJWSrt2Tw18JQiqas6K4IcqZs20vUBBQo=";
            subPackages = [ "." ];
            env.CGO_ENABLED = 0;
            tags = [ "timetzdata" ];
            ldflags = [
              "-s"
              "-w"
              "-X github.com/evshell/ev/cmd.release=${version}"
            ];
            nativeBuildInputs = [ pkgs.installShellFiles ];
            postInstall = ''
              installManPage man/*
              installShellCompletion --cmd ev \
                --bash completions/ev.bash --fish completions/ev.fish --zsh completions/_ev
              install -Dm644 -t $out/share/doc/ev LICENSE THIRD_PARTY_NOTICES README.md
              cp -r examples $out/share/doc/ev
              for unit in system/ev@.service user/ev@.service; do
                install -Dm644 packaging/systemd/''${unit#system/} $out/lib/systemd/$unit
                substituteInPlace $out/lib/systemd/$unit --replace-fail /usr/bin/ev $out/bin/ev
              done
            '';
            # The scripts need a terminal and signals, which a sandbox changes; .ci/run has them run.
            doCheck = false;
            doInstallCheck = true;
            installCheckPhase = "$out/bin/ev timer 0";
            meta = {
              homepage = "https://github.com/evshell/ev";
              license = with pkgs.lib.licenses; [
                mit
                asl20
                bsd3
              ];
              mainProgram = "ev";
            };
          };
        }
      );
    };
}

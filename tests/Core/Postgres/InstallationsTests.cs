using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Postgres;
using Backup.Tests.Support;

namespace Backup.Core.Tests.Postgres;

public sealed class InstallationsTests(PostgresFixture postgres) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("installations.");

    [Fact]
    public async Task Real_programs_of_this_machine_are_found_and_the_wrapper_is_not_among_them()
    {
        var cluster = await postgres.ClusterAsync();
        var all = await postgres.Installations.AllAsync(TestContext.Current.CancellationToken);
        Assert.Contains(all, i => i.Major == cluster.Installation.Major && i.HasServer);
        Assert.DoesNotContain(all, i => i.Folder == "/usr/bin");
        Assert.Equal(Path.Combine(cluster.Installation.Folder, "pg_dump"), cluster.Installation.Tool("pg_dump"));
    }

    [Fact]
    public async Task The_servers_own_major_is_chosen_even_when_a_newer_one_is_installed()
    {
        var installations = Installations(("15.3", true), ("16.1", true), ("17.5", false));
        Assert.Equal("16.1", (await installations.ForMajorAsync(16, TestContext.Current.CancellationToken)).Version);
    }

    [Fact]
    public async Task Without_the_same_major_the_next_newer_is_chosen()
    {
        var installations = Installations(("13.20", true), ("16.1", true), ("17.5", false));
        Assert.Equal(16, (await installations.ForMajorAsync(14, TestContext.Current.CancellationToken)).Major);
    }

    [Fact]
    public async Task Of_one_major_the_highest_minor_with_a_server_is_chosen()
    {
        var installations = Installations(("16.9", true), ("16.10", true), ("16.11", false));
        Assert.Equal("16.10", (await installations.ForMajorAsync(16, TestContext.Current.CancellationToken)).Version);
    }

    [Fact]
    public async Task A_folder_without_server_programs_is_not_chosen_to_run_a_server()
    {
        var installations = Installations(("16.1", false), ("17.5", true));
        Assert.Equal(17, (await installations.ServerForMajorAsync(16, TestContext.Current.CancellationToken)).Major);
        Assert.Equal("17.5", (await installations.NewestServerAsync(TestContext.Current.CancellationToken)).Version);
    }

    [Fact]
    public async Task Only_older_programs_are_an_error_that_names_the_package()
    {
        var error = await Assert.ThrowsAsync<BackupException>(() => Installations(("15.18", true)).ForMajorAsync(17, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorCode.ToolVersion, error.Code);
        Assert.Equal("The server is PostgreSQL 17; the newest client programs here are 15.18.", error.Message);
        Assert.Contains(OperatingSystem.IsMacOS() ? "postgresql@17" : "postgresql-client-17", error.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_programs_at_all_are_another_error()
    {
        var error = await Assert.ThrowsAsync<BackupException>(() => Installations().ForMajorAsync(17, TestContext.Current.CancellationToken));
        Assert.Equal(ErrorCode.ToolMissing, error.Code);
    }

    [Fact]
    public async Task A_link_on_the_path_leads_to_the_folder_behind_it()
    {
        var real = Fake("real", "16.2", server: true);
        var bin = _folder.CreateSubdirectory("bin");
        File.CreateSymbolicLink(Path.Combine(bin.FullName, "pg_dump"), Path.Combine(real, "pg_dump"));
        var all = await new PostgresInstallations(Machine(bin.FullName), []).AllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(real, Assert.Single(all).Folder);
    }

    [Fact]
    public async Task A_link_to_the_wrapper_is_left_out()
    {
        var share = Fake("share", "16.2", server: false);
        File.Move(Path.Combine(share, "pg_dump"), Path.Combine(share, "pg_wrapper"));
        var bin = _folder.CreateSubdirectory("bin");
        File.CreateSymbolicLink(Path.Combine(bin.FullName, "pg_dump"), Path.Combine(share, "pg_wrapper"));
        Assert.Empty(await new PostgresInstallations(Machine(bin.FullName), []).AllAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_broken_folder_does_not_hide_the_others()
    {
        var broken = Fake("1-broken", "x", server: false);
        await File.WriteAllTextAsync(Path.Combine(broken, "pg_dump"), "#!/bin/sh\nexit 3\n", TestContext.Current.CancellationToken);
        var forbidden = Fake("2-forbidden", "16.3", server: false);
        File.SetUnixFileMode(Path.Combine(forbidden, "pg_dump"), UnixFileMode.UserRead);
        Fake("3-good", "16.4", server: false);
        var all = await new PostgresInstallations(Machine(""), [$"{_folder.FullName}/*/bin"]).AllAsync(TestContext.Current.CancellationToken);
        Assert.Equal("16.4", Assert.Single(all).Version);
    }

    [Fact]
    public void A_program_that_is_not_there_is_named()
    {
        var installation = new PostgresInstallation(16, "16.2", Fake("real", "16.2", server: false)) { HasServer = false };
        var error = Assert.Throws<BackupException>(() => installation.Tool("initdb"));
        Assert.StartsWith("initdb of PostgreSQL 16 is not in ", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private PostgresInstallations Installations(params (string Version, bool Server)[] fakes)
    {
        foreach (var (version, server) in fakes) Fake(version, version, server);
        return new PostgresInstallations(Machine(""), [$"{_folder.FullName}/*/bin"]);
    }

    private MachineEnvironment Machine(string path) => postgres.Machine with { Variables = new Dictionary<string, string> { ["PATH"] = path } };

    private string Fake(string name, string version, bool server)
    {
        var bin = _folder.CreateSubdirectory(name).CreateSubdirectory("bin").FullName;
        foreach (var tool in (string[])["pg_dump", .. server ? (string[])["initdb", "postgres", "pg_ctl"] : []])
        {
            File.WriteAllText(Path.Combine(bin, tool), $"#!/bin/sh\necho '{tool} (PostgreSQL) {version} (Some Linux {version}-1)'\n");
            File.SetUnixFileMode(Path.Combine(bin, tool), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return bin;
    }
}

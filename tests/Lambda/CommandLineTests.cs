using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>What an operator does once: make the roles, store the logins. The real command, its logins on standard input.</summary>
public sealed class CommandLineTests(PostgresFixture postgres, CloudFixture cloud)
{
    [Fact]
    public async Task Doctor_prints_the_roles_and_secret_set_stores_both_logins_from_standard_input()
    {
        await using var scene = await RotationScene.MakeAsync(postgres, cloud);
        await using (var doctor = Start(null, "doctor", "--source", scene.AdminUrl, "--roles", "app backup"))
        {
            Assert.True(await doctor.ExitAsync() == 0, doctor.Error);
            Assert.Contains("CREATE ROLE \"app backup_clone\" LOGIN;", doctor.Output, StringComparison.Ordinal);
        }

        var (first, second) = (scene.Url(scene.Role, "first"), scene.Url($"{scene.Role}_clone", "second"));
        await using (var set = Start($"{first}\n{second}\n", "secret", "set", scene.Deployed.Secret))
        {
            Assert.True(await set.ExitAsync() == 0, set.Error);
            Assert.Contains($"stored {scene.Role} as the current and {scene.Role}_clone as the previous login", set.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("first", set.Output + set.Error, StringComparison.Ordinal);
        }

        Assert.Equal((first, second), (await scene.ValueAsync("AWSCURRENT"), await scene.ValueAsync("AWSPREVIOUS")));

        await using var missing = Start(first, "secret", "set", "test/there-is-none");
        Assert.Equal(1, await missing.ExitAsync());
        Assert.Contains("[secret.unusable]", missing.Error, StringComparison.Ordinal);
        await using var empty = Start("", "secret", "set", scene.Deployed.Secret);
        Assert.Equal(2, await empty.ExitAsync());
    }

    private ChildProcess Start(string? input, params string[] arguments) => ChildProcess.Start(typeof(Cli.Program).Assembly.Location, cloud.Variables, input, arguments);
}
